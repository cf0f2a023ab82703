import type { Cells } from "./delivery.ts";

/** The names of products by their codes. */
export const awsProducts: Readonly<Record<string, string>> = {
  AmazonEC2: "Amazon Elastic Compute Cloud",
  AmazonS3: "Amazon Simple Storage Service",
  AmazonRDS: "Amazon Relational Database Service",
  AmazonElastiCache: "Amazon ElastiCache",
  AmazonDynamoDB: "Amazon DynamoDB",
  AWSLambda: "AWS Lambda",
  AmazonCloudFront: "Amazon CloudFront",
  AmazonCloudWatch: "AmazonCloudWatch",
  AmazonRedshift: "Amazon Redshift",
  AWSGlue: "AWS Glue",
  AmazonAthena: "Amazon Athena",
  AmazonEKS: "Amazon Elastic Container Service for Kubernetes",
  AWSELB: "Elastic Load Balancing",
  AWSQueueService: "Amazon Simple Queue Service",
  AmazonSageMaker: "Amazon SageMaker",
  AmazonBedrock: "Amazon Bedrock",
  AmazonES: "Amazon OpenSearch Service",
};

/** The name of a meter. */
export type AwsMeterName =
  | "m6i2xlarge"
  | "m6iLarge"
  | "c6i4xlarge"
  | "r6i4xlarge"
  | "spot"
  | "volume"
  | "snapshot"
  | "transfer"
  | "natHours"
  | "natBytes"
  | "loadBalancer"
  | "objects"
  | "puts"
  | "gets"
  | "aurora"
  | "auroraStorage"
  | "auroraRequests"
  | "cache"
  | "writes"
  | "functions"
  | "content"
  | "logs"
  | "redshift"
  | "jobs"
  | "scans"
  | "clusters"
  | "queues"
  | "endpoints"
  | "training"
  | "tokens"
  | "searchNodes";

/** Every meter of the demo's AWS bill. */
export const awsMeters: Readonly<Record<AwsMeterName, AwsMeter>> = {
  m6i2xlarge: instance("m6i.2xlarge", "0.384", "8", "32 GiB", "General purpose"),
  m6iLarge: instance("m6i.large", "0.096", "2", "8 GiB", "General purpose"),
  c6i4xlarge: instance("c6i.4xlarge", "0.68", "16", "32 GiB", "Compute optimized"),
  r6i4xlarge: instance("r6i.4xlarge", "1.008", "16", "128 GiB", "Memory optimized"),
  spot: {
    ...instance("c6i.4xlarge", "0.2683", "16", "32 GiB", "Compute optimized"),
    usageType: "SpotUsage:c6i.4xlarge",
    operation: "RunInstances:SV001",
    description: "c6i.4xlarge Linux/UNIX Spot Instance-hour",
  },
  volume: meter("AmazonEC2", "Storage", "EBS:VolumeUsage.gp3", "CreateVolume-Gp3", "GB-Mo", "0.08", {
    resource: "vol-{id}",
    attributes: { volumeApiName: "gp3", volumeType: "General Purpose", storageMedia: "SSD-backed" },
  }),
  snapshot: meter("AmazonEC2", "Storage Snapshot", "EBS:SnapshotUsage", "CreateSnapshot", "GB-Mo", "0.05", {
    resource: "arn:aws:ec2:{region}:{account}:snapshot/snap-{id}",
  }),
  transfer: meter("AmazonEC2", "Data Transfer", "DataTransfer-Out-Bytes", "RunInstances", "GB", "0.09", {
    resource: "i-{id}",
    attributes: { transferType: "AWS Outbound", servicecode: "AWSDataTransfer", toLocation: "External" },
  }),
  natHours: meter("AmazonEC2", "NAT Gateway", "NatGateway-Hours", "NatGateway", "Hrs", "0.045", {
    resource: "arn:aws:ec2:{region}:{account}:natgateway/nat-{id}",
  }),
  natBytes: meter("AmazonEC2", "NAT Gateway", "NatGateway-Bytes", "NatGateway", "GB", "0.045", {
    resource: "arn:aws:ec2:{region}:{account}:natgateway/nat-{id}",
  }),
  loadBalancer: meter(
    "AWSELB",
    "Load Balancer-Application",
    "LCUUsage",
    "LoadBalancing:Application",
    "LCU-Hrs",
    "0.008",
    {
      resource: "arn:aws:elasticloadbalancing:{region}:{account}:loadbalancer/app/{name}/{id}",
    },
  ),
  objects: meter("AmazonS3", "Storage", "TimedStorage-ByteHrs", "StandardStorage", "GB-Mo", "0.023", {
    resource: "acme-{name}",
    attributes: { storageClass: "General Purpose", volumeType: "Standard", durability: "99.999999999%" },
  }),
  puts: meter("AmazonS3", "API Request", "Requests-Tier1", "PutObject", "Requests", "0.000005", {
    resource: "acme-{name}",
    attributes: { group: "S3-API-Tier1" },
  }),
  gets: meter("AmazonS3", "API Request", "Requests-Tier2", "GetObject", "Requests", "0.0000004", {
    resource: "acme-{name}",
    attributes: { group: "S3-API-Tier2" },
  }),
  aurora: meter("AmazonRDS", "Database Instance", "InstanceUsage:db.r6g.2xl", "CreateDBInstance:0021", "Hrs", "1.038", {
    resource: "arn:aws:rds:{region}:{account}:db:{name}",
    attributes: { instanceType: "db.r6g.2xlarge", databaseEngine: "Aurora PostgreSQL", vcpu: "8", memory: "64 GiB" },
  }),
  auroraStorage: meter("AmazonRDS", "Database Storage", "Aurora:StorageUsage", "CreateDBCluster", "GB-Mo", "0.1", {
    resource: "arn:aws:rds:{region}:{account}:cluster:{name}",
  }),
  auroraRequests: meter(
    "AmazonRDS",
    "System Operation",
    "Aurora:StorageIOUsage",
    "CreateDBCluster",
    "IOs",
    "0.0000002",
    {
      resource: "arn:aws:rds:{region}:{account}:cluster:{name}",
    },
  ),
  cache: meter(
    "AmazonElastiCache",
    "Cache Instance",
    "NodeUsage:cache.r6g.large",
    "CreateCacheCluster:0002",
    "Hrs",
    "0.206",
    {
      resource: "arn:aws:elasticache:{region}:{account}:cluster:{name}",
      attributes: { instanceType: "cache.r6g.large", cacheEngine: "Redis", vcpu: "2", memory: "13.07 GiB" },
    },
  ),
  writes: meter(
    "AmazonDynamoDB",
    "Amazon DynamoDB PayPerRequest Throughput",
    "WriteRequestUnits",
    "PayPerRequestThroughput",
    "WriteRequestUnits",
    "0.00000125",
    {
      resource: "arn:aws:dynamodb:{region}:{account}:table/{name}",
    },
  ),
  functions: meter("AWSLambda", "Serverless", "Lambda-GB-Second", "Invoke", "Second", "0.0000166667", {
    resource: "arn:aws:lambda:{region}:{account}:function:{name}",
  }),
  content: meter("AmazonCloudFront", "Data Transfer", "US-DataTransfer-Out-Bytes", "GET", "GB", "0.085", {
    resource: "arn:aws:cloudfront::{account}:distribution/E{id}",
  }),
  logs: meter("AmazonCloudWatch", "Data Payload", "DataProcessing-Bytes", "PutLogEvents", "GB", "0.5", {
    resource: "arn:aws:logs:{region}:{account}:log-group:/acme/{name}",
  }),
  redshift: meter("AmazonRedshift", "Compute Instance", "Node:ra3.4xlarge", "RunComputeNode:0001", "Hrs", "3.26", {
    resource: "arn:aws:redshift:{region}:{account}:cluster:{name}",
    attributes: { instanceType: "ra3.4xlarge", vcpu: "12", memory: "96 GiB" },
  }),
  jobs: meter("AWSGlue", "AWS Glue", "ETL-DPU-Hour", "Jobrun", "DPU-Hour", "0.44", {
    resource: "arn:aws:glue:{region}:{account}:job/{name}",
  }),
  scans: meter("AmazonAthena", "Athena Queries", "DataScannedInTB", "DirectQuery", "Terabytes", "5", {
    resource: "arn:aws:athena:{region}:{account}:workgroup/{name}",
  }),
  clusters: meter("AmazonEKS", "Compute", "AmazonEKS-Hours:perCluster", "CreateOperation", "Hrs", "0.1", {
    resource: "arn:aws:eks:{region}:{account}:cluster/{name}",
  }),
  queues: meter("AWSQueueService", "API Request", "Requests-RBP", "SendMessage", "Requests", "0.0000004", {
    resource: "arn:aws:sqs:{region}:{account}:{name}",
    attributes: { queueType: "Standard", messageDeliveryFrequency: "At Least Once" },
  }),
  endpoints: meter("AmazonSageMaker", "ML Instance", "Host:ml.g5.xlarge", "RunInstance", "Hrs", "1.408", {
    resource: "arn:aws:sagemaker:{region}:{account}:endpoint/{name}",
    attributes: { instanceType: "ml.g5.xlarge" },
  }),
  training: meter("AmazonSageMaker", "ML Instance", "Train:ml.g5.12xlarge", "RunInstance", "Hrs", "8.864", {
    resource: "arn:aws:sagemaker:{region}:{account}:training-job/{name}",
    attributes: { instanceType: "ml.g5.12xlarge" },
  }),
  tokens: meter("AmazonBedrock", "Bedrock", "NovaPro-output-tokens", "InvokeModelInference", "1K tokens", "0.0032", {
    resource: "arn:aws:bedrock:{region}::foundation-model/amazon.nova-pro-v1:0",
  }),
  searchNodes: meter(
    "AmazonES",
    "Amazon OpenSearch Service Instance",
    "ESInstance:r6g.xlarge",
    "ESDomain",
    "Hrs",
    "0.335",
    {
      resource: "arn:aws:es:{region}:{account}:domain/{name}",
      attributes: { instanceType: "r6g.xlarge.search", vcpu: "4", memory: "32 GiB" },
    },
  ),
};

/** What AWS meters: one usage type of one product. */
export interface AwsMeter {
  readonly productCode: string;
  readonly family: string;
  readonly usageType: string;
  readonly operation: string;
  readonly unit: string;
  /** Price of one unit in us-east-1. */
  readonly rate: string;
  readonly description: string;
  /** What a resource of it is called: `{id}` is drawn, `{name}`, `{region}` and `{account}` are filled in. */
  readonly resource: string;
  readonly attributes: Cells;
}

/** A meter whose description is made of its price and unit. */
export function meter(
  productCode: string,
  family: string,
  usageType: string,
  operation: string,
  unit: string,
  rate: string,
  rest: { readonly resource: string; readonly attributes?: Cells },
): AwsMeter {
  const description = `$${rate} per ${unit} of ${family}, ${usageType}`;
  return {
    productCode,
    family,
    usageType,
    operation,
    unit,
    rate,
    description,
    resource: rest.resource,
    attributes: rest.attributes ?? {},
  };
}

/** The on-demand hours of an EC2 instance type. */
export function instance(type: string, rate: string, vcpu: string, memory: string, instanceFamily: string): AwsMeter {
  const attributes = {
    instanceType: type,
    vcpu,
    memory,
    instanceFamily,
    operatingSystem: "Linux",
    tenancy: "Shared",
    licenseModel: "No License required",
  };
  const base = meter("AmazonEC2", "Compute Instance", `BoxUsage:${type}`, "RunInstances", "Hrs", rate, {
    resource: "i-{id}",
    attributes,
  });
  return { ...base, description: `$${rate} per On Demand Linux ${type} Instance Hour` };
}
